export const meta = {
  name: 'review-texts', description: 'Reviews texts through lenses, checks each finding, writes one report.',
  whenToUse: 'for texts',
  phases: [{ title: 'Find', detail: 'one agent per lens' }, { title: 'Check' }, { title: 'Write' }],
}
const LENSES = ['facts', 'tone', 'structure']
const CLAIM = { type: 'object', properties: { claim: { type: 'string' } } }
const FINDINGS = {
  type: 'object', required: ['findings'],
  properties: { findings: { type: 'array', maxItems: 8, items: CLAIM } },
}
const VERDICT = {
  type: 'object', required: ['real'],
  properties: { real: { type: 'boolean' }, why: { type: 'string' } },
}
const texts = Array.isArray(args?.texts) ? args.texts : ['a sample']
log(`reviewing ${texts.length} texts`)
const started = Date.now()

phase('Find')
const found = (await parallel(LENSES.map(lens => () =>
  agent(`Read with the eyes of ${lens}:\n${texts.join('\n---\n')}`,
    { label: `find:${lens}`, phase: 'Find', schema: FINDINGS }))))
  .filter(Boolean).flatMap(r => r.findings)

const seen = new Set()
const unique = found.filter(f => {
  const k = f.claim.toLowerCase()
  if (seen.has(k)) return false
  seen.add(k)
  return true
})

const checked = await pipeline(
  unique,
  f => agent(`Try to refute: ${f.claim}`,
    { label: `check:${f.claim.slice(0, 20)}`, phase: 'Check', schema: VERDICT, model: 'haiku' })
    .then(verdict => verdict && { ...f, ...verdict }),
  async (f, _, index) => {
    if (!f.real) return null
    const again = await Promise.race([
      agent(`Say it better: ${f.claim}`),
      new Promise(done => setTimeout(() => done(null), 60000)),
    ])
    return { ...f, claim: again ?? f.claim, index }
  },
)
const kept = checked.filter(Boolean)
if (kept.length === 0) return { kept, report: 'nothing found' }

let draft = null
for (let round = 0; round < 3 && budget.remaining() > 10000; round++) {
  draft = await agent(`Write a report:\n${JSON.stringify(kept)}\n${draft ?? ''}`, { label: `write:${round}` })
  if (draft && draft.length > 200) break
}
phase('Write')
const [summary, title] = await parallel([
  () => agent(`Sum up: ${draft}`),
  async () => { const t = await agent(`A title for: ${draft}`); return t?.trim() },
])
try {
  const extra = await workflow('polish', { draft })
  log(extra)
} catch (error) {
  console.warn(String(error))
}
return { title, summary, kept, took: Date.now() - started }
