import { createContext, useContext } from 'react'

/** The one dashboard an embed link shows; undefined on the whole site. */
export const EmbedContext = createContext<string | undefined>(undefined)
export const useEmbed = (): string | undefined => useContext(EmbedContext)
