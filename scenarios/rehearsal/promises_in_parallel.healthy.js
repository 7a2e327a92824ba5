export const meta = {
  name: 'explain-modules',
  description: 'Explains each module of the project for newcomers',
  phases: [{ title: 'Explain' }, { title: 'Join' }],
}

const modules = ['parser', 'planner', 'executor', 'storage']
const explain = (name) => agent(`Explain the module ${name} to a newcomer in ten lines.`, {
  label: `explain ${name}`,
})

phase('Explain')
const texts = await parallel(modules.map((name) => () => explain(name)))
const lost = modules.filter((_, at) => texts[at] === null)
if (lost.length > 0) log(`no text for ${lost.join(', ')}`)

phase('Join')
const chapters = texts.filter((text) => text !== null)
if (chapters.length === 0) throw new Error('no module was explained')
const tour = await agent(`Join these into one tour, in a good order:\n\n${chapters.join('\n\n')}`, { label: 'tour' })
return { tour: tour ?? chapters.join('\n\n'), lost }
