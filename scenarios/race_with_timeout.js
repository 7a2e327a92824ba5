export const meta = {
  name: 'race-with-timeout',
  description: 'Takes the first of three answers, and goes on without one that takes too long',
  phases: [{ title: 'Race' }, { title: 'Wait' }],
}

const after = (ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms))

phase('Race')
const first = await Promise.race(['north', 'south', 'east'].map((way) => agent(`Which way? ${way}`, { label: way })))

phase('Wait')
const patient = await Promise.race([agent('A quick question.', { label: 'quick' }), after(60000, 'too late')])
const hasty = await Promise.race([agent('A long question.', { label: 'long' }), after(50, 'too late')])
return { first, patient, hasty }
