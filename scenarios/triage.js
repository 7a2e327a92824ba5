export const meta = {
  name: 'triage',
  description: 'Sorts reports by gravity, joins doubles, and writes the list for the morning',
  phases: [{ title: 'Read' }, { title: 'Write' }],
}

const REPORT = {
  type: 'object',
  properties: {
    gravity: { enum: ['now', 'soon', 'never'] },
    area: { type: 'string' },
    doubleOf: { type: ['integer', 'null'], description: 'the number of an earlier report, or null' },
  },
  required: ['gravity', 'area', 'doubleOf'],
  additionalProperties: false,
}
const ORDER = ['now', 'soon', 'never']

const reports = ['login fails for all', 'typo on the help page', 'cannot sign in', 'export is slow', 'make it purple']

const read = await parallel(reports.map((report, at) => () =>
  agent(`Report ${at + 1}: ${report}. How grave is it, in which area, is it a double?`, {
    label: `read ${at + 1}`,
    phase: 'Read',
    schema: REPORT,
  })))

const isDouble = (entry, at) => Number.isInteger(entry.doubleOf) && entry.doubleOf > 0 && entry.doubleOf <= at
const entries = read.map((entry, at) => ({ number: at + 1, report: reports[at], ...entry, read: entry !== null }))
const unread = entries.filter((entry) => !entry.read).map((entry) => entry.number)
const single = entries.filter((entry, at) => entry.read && !isDouble(entry, at))
single.sort((a, b) => ORDER.indexOf(a.gravity) - ORDER.indexOf(b.gravity) || a.number - b.number)

phase('Write')
const lines = single.map((entry) => `${entry.gravity}: ${entry.report} (${entry.area})`)
const text = await agent(`Write the morning list:\n${lines.join('\n')}`, { label: 'morning list' })
return { order: single.map((entry) => entry.number), unread, text }
