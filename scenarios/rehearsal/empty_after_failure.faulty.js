export const meta = {
  name: 'fix-typos',
  description: 'Finds typos in the documentation and fixes them',
  phases: [{ title: 'Find' }, { title: 'Fix' }],
}

const TYPOS = {
  type: 'object',
  properties: { files: { type: 'array', items: { type: 'string' } } },
  required: ['files'],
  additionalProperties: false,
}
const FILES_MAX = 10

phase('Find')
const found = await agent('Which files below docs/ hold typos?', { label: 'find', schema: TYPOS })
const files = (found?.files ?? []).slice(0, FILES_MAX)
if (files.length === 0) return { fixed: 0, open: [] }

phase('Fix')
const fixes = await parallel(files.map((file) => () =>
  agent(`Fix the typos in ${file}, and nothing else.`, { label: `fix ${file}` })))
const open = files.filter((_, at) => fixes[at] === null)
return { fixed: files.length - open.length, open }
