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
const proposals = await parallel(roles.map((role) => () => ask(role)))
const silent = roles.filter((_, at) => proposals[at] === null)
let best = null
for (const proposal of proposals.filter((it) => it !== null)) {
  if (best === null || proposal.points > best.points) best = proposal
}
if (silent.length > 0) log(`silent: ${silent.join(', ')}`)
return { best, silent }
