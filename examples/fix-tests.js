// Fixes the failing tests of the working folder: one agent finds them, one for each fixes it, and another,
// who trusts nobody, tries to refute each fix. A refuted fix is tried once more.
//
// args: the command that runs the tests, or `{command: '…'}`. `fix-tests/` beside this file is a folder to
// try it on, and `fix-tests.rules.json` a scripted model for it:
//   cp -r examples/fix-tests /tmp/shop && cd /tmp/shop && baya run …/examples/fix-tests.js
export const meta = {
  name: 'fix-tests',
  description: 'Finds failing tests, fixes each one, and has every fix checked by a skeptic',
  whenToUse: 'When tests are red',
  phases: [
    { title: 'Find', detail: 'runs the tests and lists what fails' },
    { title: 'Fix', detail: 'one agent for each failing test' },
    { title: 'Verify', detail: 'a skeptic for each fix, then all tests once more' },
  ],
}

const FAILURES = {
  type: 'object',
  properties: {
    failures: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          test: { type: 'string', description: 'the name under which it can be run alone' },
          file: { type: 'string', description: 'the file that most likely holds the defect, not the test' },
          message: { type: 'string', description: 'what was expected and what came' },
        },
        required: ['test', 'file', 'message'],
        additionalProperties: false,
      },
    },
  },
  required: ['failures'],
  additionalProperties: false,
}

const FIX = {
  type: 'object',
  properties: {
    file: { type: 'string', description: 'the file that was changed' },
    cause: { type: 'string', description: 'why the test failed, in one sentence' },
    change: { type: 'string', description: 'what was changed, in one sentence' },
  },
  required: ['file', 'cause', 'change'],
  additionalProperties: false,
}

const VERDICT = {
  type: 'object',
  properties: {
    holds: { type: 'boolean', description: 'false if the test still fails or the fix is no honest one' },
    reason: { type: 'string' },
  },
  required: ['holds', 'reason'],
  additionalProperties: false,
}

const COUNTS = {
  type: 'object',
  properties: { passed: { type: 'integer' }, failed: { type: 'integer' } },
  required: ['passed', 'failed'],
  additionalProperties: false,
}

const FAILURES_MAX = 20
const TRIES = 2
const command = (typeof args === 'string' ? args : args?.command) ?? 'python3 -B -m unittest -v'

phase('Find')
const found = await agent(
  `Run the tests of this folder with \`${command}\` and list every test that fails. Change nothing.`,
  { label: 'find', schema: FAILURES },
)
if (found === null) {
  return { summary: 'Nobody could say which tests fail.', fixed: [], open: [] }
}
const failures = found.failures.slice(0, FAILURES_MAX)
log(`${found.failures.length} tests fail`)
if (failures.length === 0) {
  return { summary: 'No test fails.', fixed: [], open: [] }
}

const fixed = await pipeline(failures, async (failure) => {
  let doubt = null
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const fix = await repair(failure, doubt)
    const verdict = fix && (await verify(failure, fix))
    if (verdict?.holds) {
      return { ...failure, ...fix, tries, holds: true, reason: verdict.reason }
    }
    doubt = verdict?.reason ?? 'nothing was handed over'
  }
  return { ...failure, tries: TRIES, holds: false, reason: doubt }
})

function repair(failure, doubt) {
  const again = doubt === null ? '' : `\n\nA first fix was refused: ${doubt}`
  return agent(
    `Fix the failing test ${failure.test}.\n\n${failure.message}\n\nThe defect is most likely in ${failure.file}. `
      + `Change the code, not the test, and no more than this failure needs: others work beside you on other `
      + `failures. Then run this test alone. All tests are run with \`${command}\`.${again}`,
    { label: `fix ${failure.test}`, phase: 'Fix', schema: FIX },
  )
}

function verify(failure, fix) {
  return agent(
    `Verify a fix of the test ${failure.test}: in ${fix.file}, ${fix.change} The reason given: ${fix.cause}\n\n`
      + 'Assume that it is wrong. Look at what was changed (`git diff`), run the test yourself, and ask: was the '
      + 'test weakened, is its expected value written into the code, does something else break? Change nothing.',
    { label: `verify ${failure.test}`, phase: 'Verify', schema: VERDICT },
  )
}

const suite = await agent(
  `Count the tests of this folder: run \`${command}\` and say how many pass and how many fail. Change nothing.`,
  { label: 'all tests', phase: 'Verify', schema: COUNTS },
)
const results = fixed.filter((result) => result !== null)
const good = results.filter((result) => result.holds)
const open = failures.filter((failure) => !good.some((result) => result.test === failure.test))
const count = suite === null ? 'the tests were not run once more' : `${suite.passed} tests pass, ${suite.failed} fail`

return {
  summary: `${good.length} of ${found.failures.length} failures fixed; ${count}.`,
  fixed: good.map(({ test, file, cause, change, tries }) => ({ test, file, cause, change, tries })),
  open: open.map(({ test }) => ({ test, why: results.find((result) => result.test === test)?.reason ?? 'no answer' })),
  suite,
}
