import type { RouteRecordRaw } from 'vue-router'
import ContainersPage from './ContainersPage.vue'

// The first page is what the window opens with; the terminal and the charts of others need not be read before it.
export const routes: RouteRecordRaw[] = [
  { path: '/containers', component: ContainersPage },
  { path: '/containers/:id/:tab?', component: () => import('./ContainerPage.vue'), props: true },
  { path: '/stacks/:name', component: () => import('./StackPage.vue'), props: true },
]
