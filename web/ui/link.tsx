import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { useEmbed } from '../session/embed.ts'
import { navigate } from '../view/router.ts'

/** A link within the page; with a modifier key the browser opens it as any other. In an embed what leads elsewhere is text. */
export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const embed = useEmbed()
  const to = embed === undefined ? href : withinEmbed(href, embed)
  if (to === undefined) return <span>{rest.children}</span>
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    navigate(to)
  }
  return <a href={to} onClick={follow} {...rest} />
}

/** The same dashboard's own pages stay in the frame. */
const withinEmbed = (href: string, dashboard: string): string | undefined =>
  new RegExp(`^/${dashboard}(/|\\?|$)`).test(href) ? `/embed${href}` : undefined
