export const meta = {
  name: 'hunt-flakes',
  description: 'Looks for flaky tests as long as there is budget',
  phases: [{ title: 'Hunt' }],
}

const FLAKES = {
  type: 'object',
  properties: { tests: { type: 'array', items: { type: 'string' } } },
  required: ['tests'],
  additionalProperties: false,
}
const ROUNDS_WITHOUT_BUDGET = 5

phase('Hunt')
const seen = new Set()
let failed = 0
for (let round = 1; budget.total ? budget.remaining() > 40_000 : round <= ROUNDS_WITHOUT_BUDGET; round += 1) {
  const found = await agent(`Run the tests five times in random order, pass ${round}. Which were not stable?`, {
    label: `hunt ${round}`,
    schema: FLAKES,
  })
  if (found === null) failed += 1
  for (const test of found?.tests ?? []) seen.add(test)
  log(`pass ${round}: ${seen.size} flaky tests, ${failed} passes failed`)
}
return { flaky: [...seen], failed }
