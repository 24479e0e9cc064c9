import { PageFrame } from '../ui/page.tsx'

export default function Soon() {
  return <PageFrame title="Soon">On its way.</PageFrame>
}
