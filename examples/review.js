// Reviews texts: readers with one question each look for defects, skeptics try to refute every finding,
// and what survives is summed up.
//
// args: `{texts: [{name: '…', text: '…'}], lenses: ['…']}`, or one text. Without any, a sample with
// planted defects is reviewed.
export const meta = {
  name: 'review',
  description: 'Reviews texts through several lenses and lets skeptics try to refute each finding',
  whenToUse: 'Before something is published, merged or sent',
  phases: [
    { title: 'Look', detail: 'one reader for each text and lens' },
    { title: 'Doubt', detail: 'two skeptics for each finding' },
    { title: 'Sum up', detail: 'one report on what was confirmed' },
  ],
}

// Planted: line 3 reads past the end, line 6 divides by zero for an empty list, line 10 puts user input
// into a query, line 13 says what the code does not do.
const SAMPLE = {
  name: 'orders.js',
  text: `export function averagePrice(orders) {
  let sum = 0
  for (let i = 0; i <= orders.length; i++) {
    sum += orders[i].price
  }
  return sum / orders.length
}

export function findByCustomer(db, name) {
  return db.query("select * from orders where customer = '" + name + "'")
}

// Gives the orders, newest first.
export function byDate(orders) {
  return orders.sort((a, b) => a.date - b.date)
}`,
}

const LENSES = [
  'what happens at the edges: nothing, one, too many, the wrong kind',
  'what someone who means harm could do with it',
  'where what is said and what is done differ',
]

const FINDINGS = {
  type: 'object',
  properties: {
    findings: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          line: { type: 'integer', description: 'the number at the head of the line' },
          title: { type: 'string', description: 'the defect in one short sentence' },
          why: { type: 'string', description: 'what goes wrong, for whom' },
        },
        required: ['line', 'title', 'why'],
        additionalProperties: false,
      },
    },
  },
  required: ['findings'],
  additionalProperties: false,
}

const VERDICT = {
  type: 'object',
  properties: {
    real: { type: 'boolean', description: 'false if the finding is wrong or of no consequence' },
    reason: { type: 'string' },
  },
  required: ['real', 'reason'],
  additionalProperties: false,
}

const STANCES = [
  'Assume that the finding is wrong and look for the proof.',
  'Work out one concrete case that shows it.',
]
const FINDINGS_MAX = 5

const isText = (value) => typeof value === 'string' && value.trim() !== ''
const given = typeof args === 'string' ? { texts: [{ name: 'text', text: args }] } : args
const texts = (given?.texts ?? [SAMPLE])
  .map((item, at) => (typeof item === 'string' ? { name: `text ${at + 1}`, text: item } : item))
  .filter((item) => isText(item?.text))
const lenses = (given?.lenses ?? LENSES).filter(isText)

const numbered = (text) => text.split('\n').map((line, at) => `${at + 1}: ${line}`).join('\n')
const show = (item) => `--- ${item.name}\n${numbered(item.text)}\n---`

// Two readers often see the same thing; the first one to say it counts.
const seen = new Set()
const counts = { looks: 0, silent: 0, found: 0, duplicates: 0, overMax: 0 }

async function look({ item, lens }, _, at) {
  counts.looks += 1
  const answer = await agent(
    `Review this text. Ask only: ${lens}. Report real defects with their line, at most ${FINDINGS_MAX}; none is a good `
      + `answer too.\n\n${show(item)}`,
    { label: `look ${at + 1}`, phase: 'Look', schema: FINDINGS },
  )
  if (answer === null) {
    counts.silent += 1
  }
  return answer
}

async function doubtAll(answer, { item }) {
  counts.overMax += Math.max(answer.findings.length - FINDINGS_MAX, 0)
  const fresh = answer.findings.slice(0, FINDINGS_MAX).filter((finding) => {
    const key = `${item.name}:${finding.line}:${finding.title.toLowerCase()}`
    const known = seen.has(key)
    seen.add(key)
    counts.found += 1
    counts.duplicates += known ? 1 : 0
    return !known
  })
  return parallel(fresh.map((finding) => () => doubt(item, finding)))
}

async function doubt(item, finding) {
  const claim = `Line ${finding.line}: ${finding.title}\n${finding.why}`
  const votes = await parallel(STANCES.map((stance, at) => () =>
    agent(`A reviewer says of this text:\n\n${claim}\n\n${stance} Then say whether it is real.\n\n${show(item)}`, {
      label: `doubt ${at + 1}: line ${finding.line}`,
      phase: 'Doubt',
      schema: VERDICT,
    })))
  // A skeptic who did not answer has no vote.
  const cast = votes.filter((vote) => vote !== null)
  const real = cast.filter((vote) => vote.real).length
  const reasons = cast.map((vote) => vote.reason)
  return { text: item.name, ...finding, verdict: verdictOf(real, cast.length - real), reasons }
}

function verdictOf(real, refuted) {
  if (real + refuted === 0) {
    return 'unverified'
  }
  return real === refuted ? 'contested' : real > refuted ? 'confirmed' : 'refuted'
}

const pairs = texts.flatMap((item) => lenses.map((lens) => ({ item, lens })))
log(`${texts.length} texts, ${lenses.length} lenses`)
const judged = (await pipeline(pairs, look, doubtAll)).flat().filter((finding) => finding !== null)
const withVerdict = (verdict) => judged.filter((finding) => finding.verdict === verdict)
const confirmed = withVerdict('confirmed')
const lost = counts.found - counts.duplicates - judged.length
log(`${counts.found} findings, ${counts.duplicates} of them twice; ${confirmed.length} confirmed`)

phase('Sum up')
const list = confirmed.map((finding) => `- ${finding.text}, line ${finding.line}: ${finding.title}. ${finding.why}`)
const report = confirmed.length === 0
  ? 'No finding was confirmed.'
  : await agent(`Sum up this review for the author, the gravest first, in plain words:\n\n${list.join('\n')}`, {
      label: 'report',
      phase: 'Sum up',
    })

return {
  report: report ?? 'The report could not be written; the findings stand below.',
  confirmed,
  contested: withVerdict('contested'),
  unverified: withVerdict('unverified'),
  counts: { ...counts, confirmed: confirmed.length, refuted: withVerdict('refuted').length, lost },
}
