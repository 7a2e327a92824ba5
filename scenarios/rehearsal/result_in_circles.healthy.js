export const meta = {
  name: 'outline',
  description: 'Writes an outline and one text for each chapter',
  phases: [{ title: 'Outline' }, { title: 'Write' }],
}

const OUTLINE = {
  type: 'object',
  properties: { chapters: { type: 'array', items: { type: 'string' }, maxItems: 8 } },
  required: ['chapters'],
  additionalProperties: false,
}

phase('Outline')
const outline = await agent('Outline a guide to backups for small companies.', { label: 'outline', schema: OUTLINE })
if (outline === null) throw new Error('no outline')

phase('Write')
const book = { title: 'Backups', chapters: [] }
const texts = await parallel(outline.chapters.map((chapter) => () =>
  agent(`Write the chapter "${chapter}", one page.`, { label: `write ${chapter}` })))
outline.chapters.forEach((title, at) => {
  if (texts[at] === null) log(`the chapter ${title} is missing`)
  book.chapters.push({ title, text: texts[at], book: book.title })
})
return book
