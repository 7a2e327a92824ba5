export const meta = {
  name: 'child-workflow',
  description: 'Hands parts of the work to a child workflow, and one more that does not exist',
  phases: [{ title: 'Join' }],
}

const chapters = ['bread', 'salt']
const parts = []
for (const chapter of chapters) {
  parts.push(await workflow({ scriptPath: 'parts/chapter.js' }, { chapter, points: 2 }))
}

let missing = null
try {
  await workflow('no-such-workflow')
} catch (error) {
  missing = error instanceof Error
}

phase('Join')
const text = await agent(`Join: ${parts.map((part) => part.text).join(' | ')}`, { label: 'join' })
return { parts, missing, text }
