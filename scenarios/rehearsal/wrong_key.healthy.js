export const meta = {
  name: 'issue-hunt',
  description: 'Two readers list issues, a third one ranks them',
  phases: [{ title: 'Read' }, { title: 'Rank' }],
}

const ISSUES = {
  type: 'object',
  properties: { issues: { type: 'array', items: { type: 'string' } }, confidence: { type: 'number' } },
  required: ['issues', 'confidence'],
}

phase('Read')
const readers = ['as a newcomer', 'as the one on call at night']
const reads = await parallel(readers.map((view) => () =>
  agent(`Read the installer ${view}. What can go wrong?`, { label: `read ${view}`, schema: ISSUES })))
if (reads.some((read) => read === null)) log('a reader failed')
const lists = reads.filter((read) => read !== null).map((read) => `- ${read.issues.join('\n- ')}`)
if (lists.length === 0) return { error: 'no reader answered' }

phase('Rank')
const ranked = await agent(`Rank these, the worst first:\n${lists.join('\n')}`, { label: 'rank' })
return { ranked: ranked ?? lists.join('\n'), readers: lists.length }
