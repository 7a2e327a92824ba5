export const meta = {
  name: 'summarise-papers',
  description: 'Summarises papers and lists each summary with its title',
  phases: [{ title: 'Summarise' }],
}

const papers = ['Attention', 'Dropout', 'Adam', 'Residual Learning']

phase('Summarise')
const summaries = await parallel(papers.map((paper) => () =>
  agent(`Summarise the paper "${paper}" in three sentences.`, { label: `summarise ${paper}` })))
const pairs = summaries.map((text, at) => ({ title: papers[at], text })).filter((pair) => pair.text !== null)
log(`${pairs.length} of ${papers.length} papers were summarised`)
return { pairs, missing: papers.length - pairs.length }
