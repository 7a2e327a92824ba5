export const meta = {
  name: 'review-change',
  description: 'Reads a change, then reviews each file that matters',
  phases: [{ title: 'Scope' }, { title: 'Review' }],
}

const SCOPE = {
  type: 'object',
  properties: { files: { type: 'array', items: { type: 'string' }, maxItems: 12 }, risk: { enum: ['low', 'high'] } },
  required: ['files', 'risk'],
  additionalProperties: false,
}

phase('Scope')
const scope = await agent('Read the diff of this branch. Which files need a careful review?', {
  label: 'scope',
  schema: SCOPE,
})
log(`${scope.files.length} files, risk ${scope.risk}`)

phase('Review')
const notes = await parallel(scope.files.map((file) => () =>
  agent(`Review ${file} line by line. What is wrong with it?`, { label: `review ${file}` })))
const unread = scope.files.filter((_, at) => notes[at] === null)
return { risk: scope.risk, notes: notes.filter((note) => note !== null), unread }
