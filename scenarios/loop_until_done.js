export const meta = {
  name: 'loop-until-done',
  description: 'Looks again and again until a whole round finds nothing new',
  phases: [{ title: 'Look' }],
}

const FOUND = {
  type: 'object',
  properties: { ids: { type: 'array', items: { type: 'string' } } },
  required: ['ids'],
  additionalProperties: false,
}
const ROUNDS_MAX = 6
const lenses = ['names', 'numbers']

const known = new Set()
const perRound = []
let dry = false
while (!dry && perRound.length < ROUNDS_MAX) {
  const round = perRound.length + 1
  const before = known.size
  const told = [...known].join(',')
  const looks = await parallel(lenses.map((lens) => () =>
    agent(`Look ${round} for wrong ${lens}. Known: ${told || 'nothing'}.`, {
      label: `look ${round}: ${lens}`,
      phase: 'Look',
      schema: FOUND,
    })))
  const alive = looks.filter((look) => look !== null)
  alive.flatMap((look) => look.ids.slice(0, 10)).forEach((id) => known.add(id))
  perRound.push(known.size - before)
  // A round in which a look died says nothing about what is left.
  dry = alive.length === lenses.length && known.size === before
}
return { found: [...known].sort(), perRound, stopped: dry ? 'dry' : 'rounds' }
