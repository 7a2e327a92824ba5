export const meta = {
  name: 'slogan-tournament',
  description: 'Slogans meet in pairs until one is left',
  phases: [{ title: 'Write' }, { title: 'Meet' }],
}

const SLOGAN = {
  type: 'object',
  properties: { slogan: { type: 'string', minLength: 1 } },
  required: ['slogan'],
  additionalProperties: false,
}
const DUEL = {
  type: 'object',
  properties: { winner: { enum: ['first', 'second'] }, why: { type: 'string' } },
  required: ['winner', 'why'],
  additionalProperties: false,
}
const styles = ['a rhyme', 'a question', 'three words', 'a promise']

phase('Write')
const written = await parallel(styles.map((style) => () =>
  agent(`Write a slogan for a bicycle shop: ${style}.`, { label: `write ${style}`, schema: SLOGAN })))
let field = written.filter((entry) => entry !== null).map((entry) => entry.slogan)
log(`${field.length} of ${styles.length} slogans were written`)
if (field.length === 0) throw new Error('no slogan was written')

phase('Meet')
let undecided = 0
while (field.length > 1) {
  const [first, second, ...rest] = field
  const duel = await agent(`Which is better?\nfirst: ${first}\nsecond: ${second}`, {
    label: `duel ${field.length}`,
    schema: DUEL,
  })
  if (duel === null) undecided += 1
  field = [...rest, duel?.choice === 'second' ? second : first]
}
return { slogan: field[0], undecided }
