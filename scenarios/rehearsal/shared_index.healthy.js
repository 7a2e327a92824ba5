export const meta = {
  name: 'label-images',
  description: 'Describes images side by side and keeps the descriptions in the order of the images',
  phases: [{ title: 'Describe' }],
}

const images = ['hero.png', 'team.jpg', 'map.png', 'chart.png', 'logo.svg']
const WORKERS = 3

phase('Describe')
const texts = []
let next = 0
async function worker() {
  while (next < images.length) {
    const at = next++
    texts[at] = await agent(`Describe ${images[at]} for people who cannot see it.`, {
      label: `describe ${images[at]}`,
    })
  }
}
await parallel(Array.from({ length: WORKERS }, () => worker))
const missing = images.filter((_, at) => (texts[at] ?? null) === null)
if (missing.length > 0) log(`not described: ${missing.join(', ')}`)
return { texts: images.map((image, at) => ({ image, text: texts[at] ?? null })), missing }
