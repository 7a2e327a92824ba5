export const meta = {
  name: 'check-links',
  description: 'Checks the links of each page',
  phases: [{ title: 'Check' }],
}

const LINKS = {
  type: 'object',
  properties: { broken: { type: 'array', items: { type: 'string' } } },
  required: ['broken'],
  additionalProperties: false,
}
const pages = ['index.md', 'install.md', 'reference.md']

phase('Check')
const broken = []
const unchecked = []
for (const page of pages) {
  try {
    const links = await agent(`Which links of ${page} are broken?`, { label: `links of ${page}`, schema: LINKS })
    if (links === null) throw new Error('no answer')
    broken.push(...links.broken.map((link) => `${page}: ${link}`))
  } catch (error) {
    log(`${page} was not checked: ${error.message}`)
    unchecked.push(page)
  }
}
return { broken, unchecked }
