export const meta = {
  name: 'fix-lint',
  description: 'Fixes lint errors file by file; each fix is checked by another agent',
  phases: [{ title: 'Fix' }, { title: 'Check' }],
}

const VERDICT = {
  type: 'object',
  properties: { holds: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['holds', 'reason'],
  additionalProperties: false,
}
const files = ['src/app.ts', 'src/router.ts', 'src/store.ts']

async function holds(file, fix) {
  const verdict = await agent(`Check this fix of ${file}, run the linter on it:\n${fix}`, {
    label: `check ${file}`,
    phase: 'Check',
    schema: VERDICT,
  })
  if (verdict === null) log(`the fix of ${file} was not checked`)
  return verdict !== null && verdict.holds
}

const fixed = []
const open = []
for (const file of files) {
  const fix = await agent(`Fix the lint errors of ${file}. Say what you changed.`, {
    label: `fix ${file}`,
    phase: 'Fix',
  })
  if (fix === null) log(`${file} was not fixed`)
  const good = holds(file, fix)
  if (fix !== null && good) {
    fixed.push(file)
  } else {
    open.push(file)
  }
}
const word = await agent(`Write one line for the team: ${fixed.length} fixed, ${open.length} open.`, {
  label: 'word',
})
return { fixed, open, word }
