export const meta = {
  name: 'rank-bugs',
  description: 'Estimates the harm of bugs and lists the worst first',
  phases: [{ title: 'Estimate' }],
}

const HARM = {
  type: 'object',
  properties: { bug: { type: 'string' }, harm: { type: 'integer', minimum: 0, maximum: 10 } },
  required: ['bug', 'harm'],
  additionalProperties: false,
}
const bugs = ['data is lost on sync', 'the icon is blurred', 'login takes a minute', 'the export has no header']

phase('Estimate')
const estimates = await parallel(bugs.map((bug, at) => () =>
  agent(`How much harm does this bug do, 0 to 10: ${bug}?`, { label: `estimate ${at + 1}`, schema: HARM })))
const unknown = bugs.filter((_, at) => estimates[at] === null)
if (unknown.length > 0) log(`without an estimate: ${unknown.join(', ')}`)
const ranked = estimates.filter((estimate) => estimate !== null).sort((a, b) => b.harm - a.harm)
return { ranked: ranked.map((estimate) => estimate.bug), unknown }
