export const meta = {
  name: 'release-notes',
  description: 'Summarises the commits and writes notes for users',
  phases: [{ title: 'Read' }, { title: 'Write' }],
}

phase('Read')
const summary = await agent('Read the git log since the last tag and say what changed for users.', { label: 'read' })
if (summary === null) throw new Error('the log could not be read')

phase('Write')
const drafts = await parallel(['short', 'friendly'].map((tone) => () =>
  agent(`Write release notes in a ${tone} tone from this summary:\n${summary}`, { label: `draft ${tone}` })))
const written = drafts.filter((draft) => draft !== null)
log(`${written.length} of ${drafts.length} drafts`)
if (written.length === 0) throw new Error('no draft was written')

const best = await agent(`Choose the best of these and polish it:\n\n${written.join('\n---\n')}`, { label: 'polish' })
return { notes: best ?? written[0], polished: best !== null }
