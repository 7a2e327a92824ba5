export const meta = {
  name: 'NAME',
  description: 'DESCRIPTION',
  phases: [{ title: 'Look', detail: 'one agent per part' }, { title: 'Judge' }],
  // What `args` may be: checked before the first agent, shown by `baya run … --help`.
  args: {
    type: 'object',
    properties: { parts: { type: 'array', items: { type: 'string' }, description: 'what to look at' } },
  },
}

// The body is one async function: `await` and `return` work at its top. What it returns is the result.
const parts = args?.parts ?? ['the first half', 'the second half']

// A schema makes an agent answer with an object that fits it; without one, it answers with text.
const FINDINGS = {
  type: 'object',
  required: ['findings'],
  properties: { findings: { type: 'array', items: { type: 'string' } } },
}

phase('Look')
log(`${parts.length} parts`)
// parallel() takes functions, starts all, waits for all, keeps their order. One that fails is null.
const look = (part) => agent(`Look at ${part} and say what you find.`, { label: `look: ${part}`, schema: FINDINGS })
const looks = await parallel(parts.map((part) => () => look(part)))
const findings = looks.filter(Boolean).flatMap((answer) => answer.findings)

phase('Judge')
// pipeline() passes each item through all stages, without waiting for the other items.
const judged = await pipeline(
  findings.slice(0, 20),
  (finding) => agent(`Is this right, and does it matter? Answer in one sentence.\n\n${finding}`, { label: 'judge' }),
  (verdict, finding) => ({ finding, verdict }),
)

return { judged: judged.filter(Boolean), missing: looks.filter((answer) => answer === null).length }
