export const meta = {
  name: 'migration-dry-run',
  description: 'Plans the same change for many files, checks each plan, and changes nothing',
  phases: [{ title: 'Plan' }, { title: 'Check' }, { title: 'Report' }],
}

const PLAN = {
  type: 'object',
  properties: {
    edits: { type: 'integer', description: 'how many places change' },
    risk: { enum: ['low', 'high'] },
  },
  required: ['edits', 'risk'],
  additionalProperties: false,
}

const files = ['src/user.js', 'src/session.js', 'src/legacy.js', 'test/user.js', 'README.md']

const plans = await pipeline(
  files,
  (file, _, at) =>
    agent(`Plan the rename of User to Account in ${file}. Change nothing.`, {
      label: `plan ${at + 1}`,
      phase: 'Plan',
      schema: PLAN,
    }),
  (plan, file) => {
    if (plan.risk === 'high' && plan.edits > 20) {
      throw new Error(`${file} needs a person`)
    }
    return { file, ...plan }
  },
  async (plan, file, at) => {
    if (plan.edits === 0) {
      return { ...plan, note: 'nothing to do' }
    }
    const note = await agent(`Which callers break if ${file} changes in ${plan.edits} places?`, {
      label: `check ${at + 1}`,
      phase: 'Check',
    })
    return { ...plan, note }
  },
)

phase('Report')
const good = plans.filter((plan) => plan !== null)
const open = files.filter((_, at) => plans[at] === null)
const edits = good.reduce((sum, plan) => sum + plan.edits, 0)
const text = await agent(`Report: ${edits} edits in ${good.length} files, left open: ${open.join(', ')}.`, {
  label: 'report',
})
return { edits, open, notes: good.map((plan) => `${plan.file}: ${plan.note}`), text }
