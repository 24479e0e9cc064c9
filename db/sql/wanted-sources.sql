-- Tenants with at least one source switched on, and when each of their source secrets (and the PII key) was last set.
select t.id, t.slug, t.name, t.timezone, t.currency, t.settings,
  coalesce(
    (
      select jsonb_object_agg(s.name, s.updated_at)
      from analytics.tenant_secrets s
      where s.tenant_id = t.id and (s.name like 'source.%' or s.name = 'pii_key')
    ),
    '{}'
  ) as secrets
from analytics.tenants t
where exists (
  select from jsonb_each(t.settings) e where e.key ~ '^source\.[a-z0-9_]+\.enabled$' and e.value = 'true'
)
order by t.slug
