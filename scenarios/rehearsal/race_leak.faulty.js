export const meta = {
  name: 'second-opinion',
  description: 'Asks three models the same question and compares their answers',
  phases: [{ title: 'Ask' }, { title: 'Compare' }],
}

const question = typeof args === 'string' ? args : 'Should this service use a queue?'
const models = ['haiku', 'sonnet', 'opus']

phase('Ask')
const ask = (model) => agent(question, { label: `ask ${model}`, model })
const first = await Promise.race(models.map((model) => ask(model)))
if (first === null) throw new Error('the first model gave no answer')
log('the fastest answer is taken')
return { verdict: first }
