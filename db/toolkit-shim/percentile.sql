-- percentile_agg, rollup(uddsketch) and their accessors: UDDSketch (Epicoco et al. 2020, arXiv 2004.08604) with the toolkit's
-- parameters (error 0.001, 200 buckets, join neighbours beyond that), but joined at most three times, so the error stays
-- below 1 %; the number of buckets grows instead (about 860 for values from 1 ms to 12 days).

create or replace function public.toolkit_shim_error(compactions integer) returns double precision
  language sql immutable strict parallel safe
  return tanh(atanh(0.001::double precision) * (1 << compactions));

-- ln gamma after that many compactions; gamma = (1 + error) / (1 - error).
create or replace function public.toolkit_shim_ln_gamma(compactions integer) returns double precision
  language sql immutable strict parallel safe
  return ln((1 + 0.001::double precision) / (1 - 0.001::double precision)) * (1 << compactions);

-- Bucket key at full resolution. Magnitudes below 1e-300 count as zero; NaN falls where the toolkit puts it, into bucket 0.
create or replace function public.toolkit_shim_key(v double precision) returns integer
  language sql immutable parallel safe
  return case
    when v = 'NaN' then 1048576
    when abs(v) < 1e-300 then 0
    when abs(v) = 'Infinity' then sign(v)::integer * 2097152
    else sign(v)::integer * (ceil(ln(abs(v)) / public.toolkit_shim_ln_gamma(0))::integer + 1048576)
  end;

-- The same key after `times` more compactions: ceil(k / 2^times), sign and special keys kept.
create or replace function public.toolkit_shim_compact_key(key integer, times integer) returns integer
  language sql immutable parallel safe
  return case
    when key = 0 or abs(key) = 2097152 then key
    else sign(key)::integer * (1048576 - ((1048576 - abs(key)) >> times))
  end;

-- A value within the error of everything in the bucket.
create or replace function public.toolkit_shim_key_value(key integer, compactions integer) returns double precision
  language sql immutable parallel safe
  return case
    when key = 0 then 0
    when abs(key) = 2097152 then sign(key) * 'Infinity'::double precision
    when (abs(key) - 1048577) * public.toolkit_shim_ln_gamma(compactions) > 709.77
      then sign(key) * 1.7976931348623157e308::double precision
    else sign(key) * exp((abs(key) - 1048577) * public.toolkit_shim_ln_gamma(compactions))
      * (1 + public.toolkit_shim_error(compactions))
  end;

-- Joins neighbouring buckets until they fit. Depends only on the set of keys, never on the order they came in.
create or replace function public.toolkit_shim_fit(sketch public.uddsketch) returns public.uddsketch
  language plpgsql immutable strict parallel safe as $$
begin
  while cardinality(sketch.keys) > 200 and sketch.compactions < 3 loop
    select array_agg(b.key order by b.key), array_agg(b.n order by b.key)
      into sketch.keys, sketch.counts
      from (
        select public.toolkit_shim_compact_key(u.key, 1) as key, sum(u.n)::bigint as n
        from unnest(sketch.keys, sketch.counts) as u (key, n) group by 1
      ) b;
    sketch.compactions := sketch.compactions + 1;
  end loop;
  return sketch;
end $$;

create or replace function public.toolkit_shim_percentile_final(vals double precision[]) returns public.uddsketch
  language plpgsql immutable strict parallel safe as $$
declare
  sketch public.uddsketch;
begin
  select 0, sum(b.n), sum(b.s), array_agg(b.key order by b.key), array_agg(b.n order by b.key)
    into sketch.compactions, sketch.n, sketch.s, sketch.keys, sketch.counts
    from (
      select public.toolkit_shim_key(v) as key, count(*) as n, sum(v::numeric) as s
      from unnest(vals) v where v is not null group by 1
    ) b;
  return case when sketch.n is null then null else public.toolkit_shim_fit(sketch) end;
end $$;

create or replace function public.toolkit_shim_percentile_rollup(sketches public.uddsketch[]) returns public.uddsketch
  language plpgsql immutable strict parallel safe as $$
declare
  sketch public.uddsketch;
begin
  sketches := array_remove(sketches, null);
  if cardinality(sketches) < 2 then
    return sketches[1];
  end if;
  select max(p.compactions), sum(p.n), sum(p.s) into sketch.compactions, sketch.n, sketch.s from unnest(sketches) p;
  select array_agg(b.key order by b.key), array_agg(b.n order by b.key)
    into sketch.keys, sketch.counts
    from (
      select public.toolkit_shim_compact_key(u.key, sketch.compactions - p.compactions) as key, sum(u.n)::bigint as n
      from unnest(sketches) p, unnest(p.keys, p.counts) as u (key, n) group by 1
    ) b;
  return public.toolkit_shim_fit(sketch);
end $$;

-- The state is the array of values itself: array_append is C and amortised, where a SQL state function would copy per row.
create or replace aggregate public.percentile_agg(value double precision) (
  sfunc = array_append, stype = double precision[], combinefunc = array_cat,
  finalfunc = public.toolkit_shim_percentile_final, parallel = safe
);

create or replace aggregate public.rollup(sketch public.uddsketch) (
  sfunc = array_append, stype = public.uddsketch[], combinefunc = array_cat,
  finalfunc = public.toolkit_shim_percentile_rollup, parallel = safe
);

-- The value of rank floor(n * percentile) + 1, at most n. Errors: 22003 if percentile is outside 0..1.
create or replace function public.approx_percentile(percentile double precision, sketch public.uddsketch)
  returns double precision language plpgsql immutable strict parallel safe as $$
declare
  remaining bigint;
  keys integer[] := sketch.keys;
  counts bigint[] := sketch.counts;
  last integer := cardinality(keys);
begin
  if percentile not between 0 and 1 then
    raise exception 'percentile % is outside 0..1', percentile using errcode = 'numeric_value_out_of_range';
  end if;
  remaining := floor(sketch.n * percentile)::bigint + 1;
  for i in 1 .. last loop
    if remaining <= counts[i] or i = last then
      return public.toolkit_shim_key_value(keys[i], sketch.compactions);
    end if;
    remaining := remaining - counts[i];
  end loop;
end $$;

-- Share of values below `value`; of the values in its own bucket, half count as below.
create or replace function public.approx_percentile_rank(value double precision, sketch public.uddsketch)
  returns double precision language plpgsql immutable strict parallel safe as $$
declare
  target integer := public.toolkit_shim_compact_key(public.toolkit_shim_key(value), sketch.compactions);
begin
  return (
    select coalesce(sum(case when u.key < target then u.n else u.n / 2.0 end), 0)::double precision / sketch.n
    from unnest(sketch.keys, sketch.counts) as u (key, n) where u.key <= target
  );
end $$;

create or replace function public.num_vals(sketch public.uddsketch) returns double precision
  language sql immutable strict parallel safe return (sketch).n::double precision;

create or replace function public.mean(sketch public.uddsketch) returns double precision
  language sql immutable strict parallel safe return ((sketch).s / (sketch).n)::double precision;

-- The largest relative error of a percentile of this sketch.
create or replace function public.error(sketch public.uddsketch) returns double precision
  language sql immutable strict parallel safe return public.toolkit_shim_error((sketch).compactions);
