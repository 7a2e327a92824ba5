export const meta = {
  name: 'research',
  description: 'Asks from several sides, and writes one report',
  phases: [{ title: 'Look' }, { title: 'Report' }],
}

const SIDES = ['what it costs', 'who uses it', 'what goes wrong with it']

phase('Look')
const notes = await parallel(SIDES.map((side) => () =>
  agent(`Look into ${side}. Write what you find in a paragraph.`, { label: `look ${side}` })))

phase('Report')
const there = notes.filter((note) => note !== null)
const missing = SIDES.filter((_, at) => notes[at] === null)
if (missing.length > 0) log(`nobody looked into: ${missing.join(', ')}`)
const report = await agent(`Write one report from these notes:\n\n${there.join('\n\n')}`, { label: 'report' })
if (report === null) throw new Error('nobody wrote the report')
return { report, missing }
