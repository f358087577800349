import type { RouteRecordRaw } from 'vue-router'

// What is shown stands in the query, since a repository's name has slashes: ?host=&repository=&tag=
export const routes: RouteRecordRaw[] = [
  {
    path: '/registry',
    component: () => import('./RegistryPage.vue'),
    props: ({ query }) => ({
      host: query.host ? String(query.host) : undefined,
      repository: query.repository ? String(query.repository) : undefined,
    }),
  },
]
