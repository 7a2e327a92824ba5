export const meta = {
  name: 'research',
  description: 'Splits a question, researches the parts side by side, and joins the answers',
  phases: [{ title: 'Split' }, { title: 'Research' }, { title: 'Join' }],
}

const PARTS = {
  type: 'object',
  properties: { parts: { type: 'array', items: { type: 'string' } } },
  required: ['parts'],
}
const question = typeof args === 'string' ? args : 'Which of our dependencies are no longer kept up?'

const research = (parts) =>
  parallel(parts.map((part) => () => agent(`Research and give sources: ${part}`, {
    label: `research ${part}`,
    phase: 'Research',
  })))

phase('Split')
const split = await agent(`Split into parts that can be researched alone: ${question}`, {
  label: 'split',
  schema: PARTS,
})
if (split === null) throw new Error('the question could not be split')
const answers = await research(split.parts)

phase('Join')
const known = answers.filter((answer) => answer !== null)
log(`${known.length} of ${answers.length} parts were answered`)
return await agent(`Answer "${question}" from these:\n${known.join('\n\n')}`, { label: 'join' })
