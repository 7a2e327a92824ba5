export const meta = {
  name: 'plan-sprint',
  description: 'Estimates tasks by size and plans what fits into two weeks',
  phases: [{ title: 'Estimate' }, { title: 'Plan' }],
}

const SIZE = {
  type: 'object',
  properties: { size: { enum: ['small', 'medium', 'large', 'huge'] } },
  required: ['size'],
  additionalProperties: false,
}
const DAYS = { small: 1, medium: 3, large: 5 }
const tasks = ['dark mode', 'a faster search', 'sign in with a passkey', 'a new billing system']

phase('Estimate')
const sizes = await parallel(tasks.map((task) => () =>
  agent(`How large is this task: ${task}?`, { label: `size of ${task}`, schema: SIZE })))
const known = tasks.map((task, at) => ({ task, size: sizes[at]?.size })).filter((entry) => entry.size)
if (known.length < tasks.length) log(`${tasks.length - known.length} tasks have no size`)
const days = known.reduce((sum, entry) => sum + DAYS[entry.size], 0)

phase('Plan')
const plan = await agent(`Plan two weeks for three people; in all it is ${days} days of work:\n${known
  .map((entry) => `${entry.task}: ${entry.size}`)
  .join('\n')}`, { label: 'plan' })
return { days, plan }
