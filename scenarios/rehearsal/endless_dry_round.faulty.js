export const meta = {
  name: 'collect-ideas',
  description: 'Asks for names until there are twelve different ones',
  phases: [{ title: 'Collect' }],
}

const NAMES = {
  type: 'object',
  properties: { names: { type: 'array', items: { type: 'string' } } },
  required: ['names'],
  additionalProperties: false,
}
const WANTED = 12

phase('Collect')
const names = new Set()
let round = 0
while (names.size < WANTED) {
  round += 1
  const answer = await agent(`Give new names for the product. Not: ${[...names].join(', ') || 'none yet'}.`, {
    label: `round ${round}`,
    schema: NAMES,
  })
  if (answer === null) log(`round ${round} failed`)
  for (const name of answer?.names ?? []) names.add(name)
  log(`round ${round}: ${names.size} names`)
}
return { names: [...names].slice(0, WANTED), rounds: round, enough: names.size >= WANTED }
