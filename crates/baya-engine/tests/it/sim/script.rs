//! A random script from a seed. Its result does not depend on which of two racing things is faster by
//! chance: races have a contestant that cannot win.

/// splitmix64; the whole story of a seed follows from it.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What a script exercises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Deep,
    Race,
    Timer,
    Child,
    Budget,
    Cancel,
    Null,
    Step,
    /// Words of an agent in quarantine go to one with power.
    Taint,
}

pub struct RandomScript {
    /// The body of the script's async function.
    pub body: String,
    pub children: Vec<String>,
    pub budget: Option<u64>,
    pub features: std::collections::BTreeSet<Feature>,
}

pub fn random_script(seed: u64) -> RandomScript {
    let mut writer = Writer {
        dice: Dice::new(seed),
        script: RandomScript {
            body: String::new(),
            children: Vec::new(),
            budget: None,
            features: Default::default(),
        },
        agents: 0,
        in_child: false,
    };
    let statements = 1 + writer.dice.below(3);
    let mut body = "phase('start'); const out = [];\n".to_owned();
    for n in 0..statements {
        let node = writer.node(0);
        body += &format!("phase('part {n}'); log('part {n}'); out.push(await ({node}));\n");
    }
    if writer.dice.below(4) == 0 {
        body += &writer.budget_loop();
    }
    body += "return out;";
    writer.script.body = body;
    writer.script
}

struct Writer {
    dice: Dice,
    script: RandomScript,
    agents: u32,
    in_child: bool,
}

impl Writer {
    /// An expression that gives a promise of plain data.
    fn node(&mut self, depth: u32) -> String {
        if depth >= 3 {
            self.script.features.insert(Feature::Deep);
            return self.agent();
        }
        match self.dice.below(13) {
            0..=2 => self.parallel(depth),
            3..=4 => self.pipeline(depth),
            5 => self.race(depth),
            6 => self.timer(),
            7 if !self.in_child => self.child(depth),
            8 => self.caught(depth),
            9 => self.host_step(),
            10 => self.tainted(),
            _ => self.agent(),
        }
    }

    fn agent(&mut self) -> String {
        self.agents += 1;
        let n = self.agents;
        // Equal prompts now and then: occurrences must be told apart.
        let name = if self.dice.below(6) == 0 { "same".to_owned() } else { format!("agent {n}") };
        match self.dice.below(12) {
            0 => {
                self.script.features.insert(Feature::Null);
                format!("agent('{name} fails')")
            }
            1 => {
                self.script.features.insert(Feature::Cancel);
                format!("agent('{name} skipped')")
            }
            2 => format!("agent('{name} unmet', {{label: 'u{n}', schema: {SCHEMA}}}).catch(e => e.kind)"),
            3 => format!("agent('{name} stalls').catch(e => e.kind)"),
            4..=5 => format!("agent('{name} shaped', {{label: 's{n}', schema: {SCHEMA}}})"),
            _ => format!("agent('{name}')"),
        }
    }

    fn parallel(&mut self, depth: u32) -> String {
        let thunks: Vec<String> =
            (0..self.dice.below(5)).map(|_| format!("() => {}", self.node(depth + 1))).collect();
        format!("parallel([{}])", thunks.join(", "))
    }

    fn pipeline(&mut self, depth: u32) -> String {
        let items = 1 + self.dice.below(3);
        let first = self.node(depth + 2);
        let items: Vec<String> = (0..items).map(|n| n.to_string()).collect();
        format!(
            "pipeline([{}], (p, item) => agent(`stage one ${{item}} ${{{}}}`), \
             async (p, item, i) => [i, p, await ({first})])",
            items.join(", "),
            self.agents
        )
    }

    fn race(&mut self, depth: u32) -> String {
        self.script.features.insert(Feature::Race);
        let node = self.node(depth + 1);
        match self.dice.below(2) {
            0 => format!("Promise.race([{node}, new Promise(() => {{}})])"),
            _ => {
                self.script.features.insert(Feature::Timer);
                self.agents += 1;
                let n = self.agents;
                format!(
                    "Promise.race([agent('slow {n}'), new Promise(r => setTimeout(() => r('late'), 50))])"
                )
            }
        }
    }

    fn timer(&mut self) -> String {
        self.script.features.insert(Feature::Timer);
        let wait = self.dice.below(400);
        let agent = self.agent();
        format!("(async () => {{ await new Promise(r => setTimeout(r, {wait})); return {agent}; }})()")
    }

    fn child(&mut self, depth: u32) -> String {
        self.script.features.insert(Feature::Child);
        self.in_child = true;
        let node = self.node(depth + 1);
        self.in_child = false;
        self.script.children.push(format!("log('in child'); return {{got: await ({node}), args}};"));
        let n = self.script.children.len() - 1;
        format!("workflow('child{n}', {{n: {n}}})")
    }

    fn caught(&mut self, depth: u32) -> String {
        let node = self.node(depth + 1);
        format!(
            "(async () => {{ try {{ const v = await ({node}); if (v === null) throw new Error('nothing'); \
             return v; }} catch (e) {{ return 'caught ' + e.message; }} }})()"
        )
    }

    /// Equal steps now and then; one that may have happened before a crash may be repeated.
    fn host_step(&mut self) -> String {
        self.script.features.insert(Feature::Step);
        let n = self.dice.below(5);
        match self.dice.below(4) {
            0 => format!("baya.exec('fails {n}', {{retry: 'safe'}}).catch(e => [e.kind, e.message])"),
            1 => format!("baya.exec('once {n}', {{retry: 'safe', key: 'k{n}'}}).then(r => r.stdout)"),
            2 => format!("baya.readFile('file {n}').then(r => r.stdout)"),
            _ => format!("baya.exec('step {n}', {{retry: 'safe'}}).then(r => r.stdout)"),
        }
    }

    fn tainted(&mut self) -> String {
        self.script.features.insert(Feature::Taint);
        self.agents += 1;
        let n = self.agents;
        format!(
            "(async () => {{ const seen = await agent('reader {n}', {{quarantine: true, schema: {WORDS}}}); \
             return agent(`work {n} on ${{JSON.stringify(seen)}}`).catch(e => e.kind); }})()"
        )
    }

    fn budget_loop(&mut self) -> String {
        self.script.features.insert(Feature::Budget);
        self.script.budget = Some(200 + self.dice.below(400));
        "let rounds = 0;\n\
         try { while (rounds < 40 && budget.remaining() > 0) { rounds++; await agent(`round ${rounds}`); } }\n\
         catch (e) { log(e.kind); }\n\
         out.push(rounds);\n"
            .to_owned()
    }
}

const SCHEMA: &str = "{type: 'object', properties: {v: {type: 'integer'}}, required: ['v']}";
const WORDS: &str = "{type: 'object', properties: {words: {type: 'string'}}, required: ['words']}";
