// Ranks things by showing small shuffled groups of them to agents and merging what they say.
//
// args: `{items: ['…'], criteria: '…', rounds: 3, groupSize: 4}`, a list, or lines of text. Without any, a
// built-in list is ranked. The shuffle is a hash, so the same items always meet the same way.
export const meta = {
  name: 'rank',
  description: 'Ranks a list by many small comparisons that are merged into one order',
  whenToUse: 'When a list is too long or too close for one look',
  phases: [
    { title: 'Compare', detail: 'small groups, shuffled anew in each round' },
    { title: 'Merge', detail: 'one score per item, no agent' },
  ],
}

const SAMPLE = [
  'plant trees along the main street',
  'paint the roofs of public buildings white',
  'open the school yard as a park in the evening',
  'replace parking places by grass',
  'put up drinking fountains',
  'shade the bus stops with sails',
  'let a stream run open again',
  'move the market to the early morning',
]

const given = typeof args === 'string' ? { items: args.split('\n') } : Array.isArray(args) ? { items: args } : args
const tidied = (given?.items ?? SAMPLE).map((item) => String(item).replace(/\s+/g, ' ').trim())
const texts = tidied.filter((text) => text !== '')
const items = [...new Set(texts)].slice(0, 200).map((text, at) => ({ at, text, points: 0, lists: 0 }))
const criteria = given?.criteria ?? 'most effect for the least money'
const rounds = clamp(given?.rounds, 1, 6, 3)
const groupSize = clamp(given?.groupSize, 2, 10, 4)

function clamp(value, least, most, otherwise) {
  return Number.isInteger(value) ? Math.min(Math.max(value, least), most) : otherwise
}

// FNV-1a: spreads texts over numbers, always the same way.
function hash(text) {
  let sum = 0x811c9dc5
  for (const char of text) {
    sum = Math.imul(sum ^ char.codePointAt(0), 0x01000193)
  }
  return sum >>> 0
}

// Deals the shuffled items out like cards, so that no group is much smaller than another.
function deal(round) {
  const key = (item) => hash(`${round}:${item.text}`)
  const shuffled = [...items].sort((a, b) => key(a) - key(b) || a.at - b.at)
  const groups = Array.from({ length: Math.ceil(items.length / groupSize) }, () => [])
  shuffled.forEach((item, at) => groups[at % groups.length].push(item))
  return groups.filter((group) => group.length > 1)
}

function promptFor(group, round) {
  const list = group.map((item, at) => `${at + 1}. ${item.text}`).join('\n')
  return `Look ${round + 1}. Order these by: ${criteria}.\n\n${list}\n\nGive the numbers, best first, each once.`
}

// An answer can name only what is in the list.
function orderOf(group) {
  const number = { type: 'integer', enum: group.map((_, at) => at + 1) }
  return {
    type: 'object',
    properties: { order: { type: 'array', items: number, description: 'best first, each number once' } },
    required: ['order'],
    additionalProperties: false,
  }
}

// Unknown and repeated numbers do not count; fewer than two that count say nothing.
function judge(group, answer) {
  const numbers = [...new Set(answer?.order ?? [])].filter((number) => group[number - 1] !== undefined)
  if (numbers.length < 2) {
    return false
  }
  numbers.forEach((number, place) => {
    const item = group[number - 1]
    item.points += 1 - place / (numbers.length - 1)
    item.lists += 1
  })
  return true
}

phase('Compare')
const looks = Array.from({ length: rounds }, (_, round) => deal(round).map((group) => ({ group, round }))).flat()
log(`${items.length} items, ${looks.length} comparisons`)
const answers = await parallel(
  looks.map(({ group, round }, at) => () =>
    agent(promptFor(group, round), { label: `compare ${at + 1}`, phase: 'Compare', schema: orderOf(group) })),
)

phase('Merge')
const useful = looks.filter(({ group }, at) => judge(group, answers[at])).length
const score = (item) => Math.round((item.points / item.lists) * 100) / 100
const ranked = items.filter((item) => item.lists > 0)
ranked.sort((a, b) => b.points / b.lists - a.points / a.lists || a.at - b.at)
const unranked = items.filter((item) => item.lists === 0).map((item) => item.text)
log(`${useful} of ${looks.length} comparisons could be used, ${unranked.length} items were never ranked`)

return {
  criteria,
  ranking: ranked.map((item) => ({ item: item.text, score: score(item), lists: item.lists })),
  unranked,
  comparisons: { asked: looks.length, useful },
}
