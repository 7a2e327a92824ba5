(p, host) => {}
