-- Marks the installed shim; run last. `format` counts changes of the stored types or of what their values mean: such a shim
-- cannot replace another under stored sketches. `revision` counts changes of function bodies. db/toolkit.ts acts on both.
create or replace function public.toolkit_shim_version(out format integer, out revision integer)
  language sql immutable parallel safe
  return (1, 1);
