export const meta = {
  name: 'choose-name',
  description: 'Asks several people in roles for a name and takes the one with the most points',
  phases: [{ title: 'Propose' }],
}

const PROPOSAL = {
  type: 'object',
  properties: { name: { type: 'string' }, points: { type: 'integer', minimum: 1, maximum: 3 } },
  required: ['name', 'points'],
  additionalProperties: false,
}
const roles = ['a designer', 'a lawyer', 'a customer', 'a founder']

phase('Propose')
const ask = (role) => agent(`As ${role}, propose a name for a bakery, and give it points.`, {
  label: `ask ${role}`,
  schema: PROPOSAL,
})
const silent = []
let best = null
await parallel(roles.map((role) => async () => {
  const proposal = await ask(role)
  if (proposal === null) silent.push(role)
  else if (best === null || proposal.points >= best.points) best = proposal
}))
if (silent.length > 0) log(`silent: ${silent.join(', ')}`)
return { best, silent }
