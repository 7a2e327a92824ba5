export const meta = {
  name: 'translate',
  description: 'Translates pages into languages',
  phases: [{ title: 'Translate' }],
}

const given = typeof args === 'string' ? { pages: [args] } : args ?? {}
const pages = given.pages ?? ['docs/start.md', 'docs/faq.md']
const languages = given.languages ?? ['French', 'Greek']

phase('Translate')
const jobs = pages.flatMap((page) => languages.map((language) => ({ page, language })))
const texts = await parallel(jobs.map(({ page, language }) => () =>
  agent(`Translate ${page} into ${language}; keep code and links as they are.`, { label: `${page} to ${language}` })))
const missing = jobs.filter((_, at) => texts[at] === null)
for (const { page, language } of missing) log(`${page} was not translated into ${language}`)
return { done: jobs.length - missing.length, missing, texts }
