export const meta = {
  name: 'second-opinion',
  description: 'Asks three models the same question and compares their answers',
  phases: [{ title: 'Ask' }, { title: 'Compare' }],
}

const question = typeof args === 'string' ? args : 'Should this service use a queue?'
const models = ['haiku', 'sonnet', 'opus']

phase('Ask')
const ask = (model) => agent(question, { label: `ask ${model}`, model })
const answers = await Promise.all(models.map((model) => ask(model)))
const known = answers.filter((answer) => answer !== null)
log(`${known.length} of ${models.length} models answered`)
if (known.length === 0) throw new Error('no model answered')

phase('Compare')
const joined = known.map((answer, at) => `Answer ${at + 1}: ${answer}`).join('\n\n')
const verdict = await agent(`What do these agree on, where do they differ?\n\n${joined}`, { label: 'compare' })
return { verdict, answers: known }
