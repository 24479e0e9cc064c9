import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { finishSignIn } from './session/finish-sign-in.ts'
import { takeTokenFromAddress } from './session/token.ts'
import { applyTheme } from './ui/theme.ts'
import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'
import './styles/charts.css'

takeTokenFromAddress()
addEventListener('hashchange', takeTokenFromAddress)
applyTheme()

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')
await finishSignIn()
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
