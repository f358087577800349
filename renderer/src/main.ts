import './styles/main.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { onAppEvent } from './bridge'
import { router } from './router'

createApp(App).use(createPinia()).use(router).mount('#app')
onAppEvent('navigate', (route) => void router.push(route))
