-- hyperloglog, rollup(hyperloglog) and their accessors: HyperLogLog with the sparse form of HLL++ (Heule et al. 2013) and
-- Ertl's table-free estimator (2017, arXiv 1702.01284, algorithm 6). A value's hash is its type's own 64-bit hash (what
-- equality of that type uses, and what the toolkit takes), never its text, which can depend on session settings.
--
-- Sparse code of a hash: its first 25 bits << 6, plus the rank of the other 39 bits where all prefix bits below the register
-- index are zero (rank = position of the first 1 bit; only then is it needed to know the register).
-- State while aggregating (bytea): one byte precision, then codes of 4 bytes in arrival order; beyond 2^precision / 4
-- distinct codes, one byte precision + 64, then one byte 48 + rank per register.

-- Errors: 22023 if size is outside 16..262144.
create or replace function public.toolkit_shim_precision(size integer) returns integer
  language plpgsql immutable strict parallel safe as $$
begin
  if size not between 16 and 262144 then
    raise exception 'Invalid value for size %. Size must be between 16 and 262144, though less than 1024 not recommended',
      size using errcode = 'invalid_parameter_value';
  end if;
  return ceil(log(2, size))::integer;
end $$;

-- One code per 25-bit prefix (that of the highest rank), ascending.
create or replace function public.toolkit_shim_codes(codes integer[]) returns integer[]
  language plpgsql immutable strict parallel safe as $$
begin
  return (select array_agg(c.code order by c.code) from (select max(u) as code from unnest(codes) u group by u >> 6) c);
end $$;

create or replace function public.toolkit_shim_unpack(state bytea) returns integer[]
  language plpgsql immutable strict parallel safe as $$
begin
  return public.toolkit_shim_codes(array(
    select (get_byte(state, i) << 24) | (get_byte(state, i + 1) << 16) | (get_byte(state, i + 2) << 8) | get_byte(state, i + 3)
    from generate_series(1, octet_length(state) - 4, 4) i
  ));
end $$;

create or replace function public.toolkit_shim_registers(p integer, codes integer[]) returns bytea
  language plpgsql immutable strict parallel safe as $$
begin
  return (
    select convert_to(string_agg(chr(48 + coalesce(r.rank, 0)), '' order by i), 'UTF8')
    from generate_series(0, (1 << p) - 1) i
    left join (
      select u >> (31 - p) as register,
        max(coalesce(nullif(position(B'1' in ((u >> 6) << (7 + p))::bit(32)), 0), 25 - p + (u & 63))) as rank
      from unnest(codes) u group by 1
    ) r on r.register = i
  );
end $$;

-- Registers to bit slices; the last slice has at least one bit.
create or replace function public.toolkit_shim_slices(registers bytea) returns bit varying[]
  language plpgsql immutable strict parallel safe as $$
declare
  digits text := convert_from(registers, 'UTF8');
  ranks text := (select string_agg(chr(48 + r), '' order by r) from generate_series(0, 62) r);
  slices bit varying[] := '{}';
  slice bit varying;
begin
  for r in 1 .. 62 loop
    slice := translate(digits, ranks, repeat('0', r) || repeat('1', 63 - r))::bit varying;
    exit when bit_count(slice) = 0;
    slices := slices || slice;
  end loop;
  return slices;
end $$;

create or replace function public.toolkit_shim_hll(p integer, codes integer[]) returns public.hyperloglog
  language plpgsql immutable strict parallel safe as $$
begin
  if cardinality(codes) <= 1 << (p - 2) then
    return row(p, codes, null)::public.hyperloglog;
  end if;
  return row(p, null, public.toolkit_shim_slices(public.toolkit_shim_registers(p, codes)))::public.hyperloglog;
end $$;

create or replace function public.toolkit_shim_hll_add(state bytea, size integer, value anyelement) returns bytea
  language plpgsql immutable parallel safe as $$
declare
  hash bigint;
  p integer;
  i integer;
  rank integer;
  codes integer[];
begin
  if value is null then
    return state;
  end if;
  hash := hash_record_extended(row(value), 0);
  if state is null then
    state := set_byte('\x00', 0, public.toolkit_shim_precision(size));
  end if;
  p := get_byte(state, 0);
  if p > 64 then
    p := p - 64;
    i := 1 + ((hash >> (64 - p)) & ((1 << p) - 1))::integer;
    rank := 48 + coalesce(nullif(position(B'1' in (hash << p)::bit(64)), 0), 65 - p);
    if get_byte(state, i) < rank then
      return set_byte(state, i, rank);
    end if;
    return state;
  end if;
  i := ((hash >> 39) & 33554431)::integer;
  rank := case when i & ((1 << (25 - p)) - 1) = 0 then coalesce(nullif(position(B'1' in hash::bit(39)), 0), 40) else 0 end;
  state := state || int4send((i << 6) | rank);
  if octet_length(state) > 2 << p then
    codes := public.toolkit_shim_unpack(state);
    state := case when cardinality(codes) <= 1 << (p - 2)
      then set_byte('\x00', 0, p) || (select string_agg(int4send(u), '') from unnest(codes) u)
      else set_byte('\x00', 0, p + 64) || public.toolkit_shim_registers(p, codes)
    end;
  end if;
  return state;
end $$;

create or replace function public.toolkit_shim_hll_final(state bytea) returns public.hyperloglog
  language plpgsql immutable strict parallel safe as $$
begin
  if get_byte(state, 0) < 64 then
    return public.toolkit_shim_hll(get_byte(state, 0), public.toolkit_shim_unpack(state));
  end if;
  return row(get_byte(state, 0) - 64, null, public.toolkit_shim_slices(substr(state, 2)))::public.hyperloglog;
end $$;

create or replace function public.toolkit_shim_hll_rollup(sketches public.hyperloglog[]) returns public.hyperloglog
  language plpgsql immutable strict parallel safe as $$
declare
  p integer;
  codes integer[];
  slices bit varying[];
begin
  sketches := array_remove(sketches, null);
  if cardinality(sketches) < 2 then
    return sketches[1];
  end if;
  if (select count(distinct s.precision) > 1 from unnest(sketches) s) then
    raise exception 'hyperloglogs of different sizes cannot be rolled up' using errcode = 'invalid_parameter_value';
  end if;
  p := sketches[1].precision;
  codes := public.toolkit_shim_codes(array(select u from unnest(sketches) s, unnest(s.sparse) u));
  if not exists (select from unnest(sketches) s where s.dense is not null) then
    return public.toolkit_shim_hll(p, codes);
  end if;
  slices := public.toolkit_shim_slices(public.toolkit_shim_registers(p, coalesce(codes, '{}')));
  return row(p, null, array(
    select bit_or(d.slice)
    from (
      select d.slice, d.rank from unnest(sketches) s, unnest(s.dense) with ordinality as d (slice, rank)
      union all select d.slice, d.rank from unnest(slices) with ordinality as d (slice, rank)
    ) d
    group by d.rank order by d.rank
  ))::public.hyperloglog;
end $$;

create or replace aggregate public.hyperloglog(size integer, value anyelement) (
  sfunc = public.toolkit_shim_hll_add, stype = bytea, finalfunc = public.toolkit_shim_hll_final, parallel = safe
);

create or replace aggregate public.rollup(hyperloglog public.hyperloglog) (
  sfunc = array_append, stype = public.hyperloglog[], combinefunc = array_cat,
  finalfunc = public.toolkit_shim_hll_rollup, parallel = safe
);

-- Sparse: linear counting over 2^25 cells, exact in practice. Dense: Ertl's estimator on the register histogram.
create or replace function public.distinct_count(hyperloglog public.hyperloglog) returns bigint
  language plpgsql immutable strict parallel safe as $$
declare
  m double precision := 1 << hyperloglog.precision;
  at_least double precision[] := array(select bit_count(s) from unnest(hyperloglog.dense) s); -- registers >= r
  q integer := 64 - hyperloglog.precision;
  x double precision;
  y double precision := 1;
  z double precision := 0;
  sigma double precision;
  before double precision := -1;
begin
  if hyperloglog.dense is null then
    return floor(33554432 * ln(33554432 / (33554432.0::double precision - cardinality(hyperloglog.sparse))))::bigint;
  end if;
  -- tau of the share of registers below their highest value
  x := 1 - coalesce(at_least[q + 1], 0) / m;
  if x > 0 and x < 1 then
    z := 1 - x;
    while z <> before loop
      before := z;
      x := sqrt(x);
      y := y / 2;
      z := z - (1 - x) ^ 2 * y;
    end loop;
    z := m * z / 3;
  end if;
  for k in reverse q .. 1 loop
    z := 0.5 * (z + coalesce(at_least[k], 0) - coalesce(at_least[k + 1], 0));
  end loop;
  -- sigma of the share of empty registers
  x := 1 - at_least[1] / m;
  y := 1;
  sigma := x;
  before := -1;
  while sigma <> before and x > 1e-150 loop
    before := sigma;
    x := x * x;
    sigma := sigma + x * y;
    y := 2 * y;
  end loop;
  z := z + m * sigma;
  return round(m * m / (2 * ln(2.0::double precision) * z))::bigint;
end $$;

-- Relative standard error of the dense form.
create or replace function public.stderror(hyperloglog public.hyperloglog) returns double precision
  language sql immutable strict parallel safe
  return 1.04 / sqrt((1 << (hyperloglog).precision)::double precision);
