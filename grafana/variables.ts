import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  CustomVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableHide,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { datasource, type FilterVariable, template } from './query.ts'

type Variable = Builder<VariableModel>

/** "All" as a value: a filter that holds it restricts nothing. Grafana puts it into queries as it is, so it is quoted. */
const ALL = "'*'"

function choice(name: string, label: string, file: string): QueryVariableBuilder {
  const sql = template(file)
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query(sql)
    .definition(sql)
    .refresh(VariableRefresh.OnDashboardLoad)
    .sort(VariableSort.Disabled)
}

const many = (name: FilterVariable, label: string, file: string): QueryVariableBuilder =>
  choice(name, label, file)
    .multi(true)
    .includeAll(true)
    .allValue(ALL)
    .current({ text: ['All'], value: ['$__all'] })

/** The tenants that the data source's login may read: one, or for operators all. */
const tenant = (): Variable => choice('tenant', 'Tenant', 'variable-tenant')

/** For titles of money. */
const currency = (): Variable => choice('currency', 'Currency', 'variable-currency').hide(VariableHide.HideVariable)

const granularity = (): Variable =>
  new CustomVariableBuilder('granularity')
    .label('Granularity')
    .values('Auto : auto,Hour : hour,Day : day,Week : week,Month : month')
    .current({ text: 'Auto', value: 'auto' })

/** Where the API is reached by whoever looks at the dashboard. */
const api = (): Variable =>
  new TextBoxVariableBuilder('api').label('API').defaultValue('http://127.0.0.1:3000').hide(VariableHide.HideLabel)

const filters: Readonly<Record<FilterVariable, () => Variable>> = {
  plan: () => many('plan', 'Plan', 'variable-plan'),
  coach: () => many('coach', 'Coach', 'variable-coach'),
  cohort: () => many('cohort', 'Signup week', 'variable-cohort'),
  persona: () => many('persona', 'AI persona', 'variable-persona'),
  revenue_plan: () => many('revenue_plan', 'Plan', 'variable-revenue-plan'),
  currency_of: () => many('currency_of', 'Currency', 'variable-currency-of'),
  provider: () => many('provider', 'Provider', 'variable-provider'),
}

/** Variables of a dashboard about one tenant, in the order of their boxes. */
export function tenantVariables(names: readonly FilterVariable[]): Variable[] {
  return [tenant(), currency(), granularity(), ...names.map((name) => filters[name]()), api()]
}

/** Variables of a dashboard about the platform: any number of tenants. */
export function operatorVariables(): Variable[] {
  return [
    choice('tenants', 'Tenants', 'variable-tenants')
      .multi(true)
      .includeAll(true)
      .current({ text: ['All'], value: ['$__all'] }),
  ]
}
