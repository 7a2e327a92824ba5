export const meta = {
  name: 'plan-tasks',
  description: 'Turns a feature request into tasks',
  phases: [{ title: 'Plan' }, { title: 'Size' }],
}

const TASKS = {
  type: 'object',
  properties: { tasks: { type: 'array', items: { type: 'string' } } },
  required: ['tasks'],
  additionalProperties: false,
}
const request = typeof args === 'string' ? args : 'People want to export their data as CSV.'

phase('Plan')
const plan = await agent(`Break this down into tasks: ${request}`, { label: 'plan', schema: TASKS })
if (plan === null) throw new Error('nothing was planned')
const tasks = plan.tasks.slice(0, 10)

phase('Size')
const sizes = await parallel(tasks.map((task, at) => () =>
  agent(`How many days does this take a person? Only the number. ${task}`, { label: `size ${at + 1}` })))
const unsized = sizes.filter((size) => size === null).length
if (unsized > 0) log(`${unsized} tasks have no size`)
return tasks.map((task, at) => ({ task, days: sizes[at] ?? 'unknown' }))
