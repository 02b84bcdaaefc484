// Rendered chart against the schemas of Kubernetes, as npm's kubernetes-models
// has them (packaging/vendor.sh chart). Called by deploy.py.
import fs from 'fs'
import { createRequire } from 'module'

const require = createRequire(process.argv[3] + '/package.json')
const yaml = require('js-yaml')
let bad = 0
for (const d of yaml.loadAll(fs.readFileSync(process.argv[2], 'utf8'))) {
  if (!d || d.kind === 'ServiceMonitor') continue // not of Kubernetes itself
  try {
    new (require('kubernetes-models/' + d.apiVersion)[d.kind])(d).validate()
  } catch (e) {
    bad++
    console.log(d.kind, e.message)
  }
}
process.exit(bad ? 1 : 0)
