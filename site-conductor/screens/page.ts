// The page in which a browser shows a machine's screen: noVNC's viewer over all of it.

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Console</title>
<style>
  html, body { margin: 0; height: 100%; background: #222; color: #ddd; font: 14px sans-serif }
  #screen { position: fixed; inset: 2em 0 0 }
  header { display: flex; gap: 1em; align-items: center; height: 2em; padding: 0 1em }
</style>
<header><output id="state">connecting</output><button id="reset" disabled>Ctrl-Alt-Del</button></header>
<div id="screen"></div>
<script type="module" src="viewer.js"></script>
</html>
`

export const SCRIPT = `import RFB from './novnc/core/rfb.js'

const state = document.getElementById('state')
const reset = document.getElementById('reset')
const path = new URLSearchParams(location.search).get('path') ?? ''
// Whoever made this address up leads nobody to a screen of his own.
const url = new URL(location.href)
;({ pathname: url.pathname, search: url.search } = new URL(path, location.href))
url.hash = ''
url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
let why = 'the console has ended: ask for it again'

const rfb = new RFB(document.getElementById('screen'), url.href)
rfb.scaleViewport = true
rfb.addEventListener('connect', () => {
  state.value = document.title
  reset.disabled = false
})
rfb.addEventListener('desktopname', ({ detail }) => (document.title = detail.name))
rfb.addEventListener('securityfailure', ({ detail }) => (why = detail.reason ?? why))
rfb.addEventListener('disconnect', () => {
  state.value = why
  reset.disabled = true
})
reset.addEventListener('click', () => rfb.sendCtrlAltDel())
`
