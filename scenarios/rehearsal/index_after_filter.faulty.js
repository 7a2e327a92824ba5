export const meta = {
  name: 'summarise-papers',
  description: 'Summarises papers and lists each summary with its title',
  phases: [{ title: 'Summarise' }],
}

const papers = ['Attention', 'Dropout', 'Adam', 'Residual Learning']

phase('Summarise')
const summaries = await parallel(papers.map((paper) => () =>
  agent(`Summarise the paper "${paper}" in three sentences.`, { label: `summarise ${paper}` })))
const written = summaries.filter((text) => text !== null)
const pairs = written.map((text, at) => ({ title: papers[at], text }))
log(`${pairs.length} of ${papers.length} papers were summarised`)
return { pairs, missing: papers.length - pairs.length }
