-- stats_agg, rollup(statssummary1d) and their accessors, on PostgreSQL's own float8_accum (Youngs-Cramer, as the toolkit).

create or replace function public.toolkit_shim_stats_final(moments double precision[]) returns public.statssummary1d
  language sql immutable strict parallel safe
  return case when moments[1] > 0 then row(moments[1], moments[2], moments[3])::public.statssummary1d end;

create or replace function public.toolkit_shim_stats_add(moments double precision[], summary public.statssummary1d)
  returns double precision[] language sql immutable strict parallel safe
  return float8_combine(moments, array[(summary).n, (summary).sx, (summary).sxx]);

create or replace aggregate public.stats_agg(value double precision) (
  sfunc = float8_accum, stype = double precision[], initcond = '{0,0,0}', combinefunc = float8_combine,
  finalfunc = public.toolkit_shim_stats_final, parallel = safe
);

create or replace aggregate public.rollup(ss public.statssummary1d) (
  sfunc = public.toolkit_shim_stats_add, stype = double precision[], initcond = '{0,0,0}', combinefunc = float8_combine,
  finalfunc = public.toolkit_shim_stats_final, parallel = safe
);

create or replace function public.average(summary public.statssummary1d) returns double precision
  language sql immutable strict parallel safe return (summary).sx / (summary).n;

create or replace function public.sum(summary public.statssummary1d) returns double precision
  language sql immutable strict parallel safe return (summary).sx;

create or replace function public.num_vals(summary public.statssummary1d) returns bigint
  language sql immutable strict parallel safe return (summary).n;

-- method: 'sample' (n - 1; NaN for a single value, as the toolkit) or 'population' (n).
create or replace function public.stddev(summary public.statssummary1d, method text default 'sample')
  returns double precision language plpgsql immutable parallel safe as $$
declare
  kind text := lower(trim(method));
begin
  if kind in ('population', 'pop') then
    return sqrt(summary.sxx / summary.n);
  elsif kind in ('sample', 'samp') then
    return case when summary.n = 1 then 'NaN' else sqrt(summary.sxx / (summary.n - 1)) end;
  end if;
  raise exception 'unknown analysis method. Valid methods are ''population'' and ''sample'''
    using errcode = 'invalid_parameter_value';
end $$;
