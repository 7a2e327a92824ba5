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
const report = await agent(`Write one report from these notes:\n\n${notes.join('\n\n')}`, { label: 'report' })
if (report === null) throw new Error('nobody wrote the report')
return report
